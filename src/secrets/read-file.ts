import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'

/**
 * The text of a file, or undefined if it is larger than `maxBytes`. Reads no more, even if the file has grown since.
 */
export async function readBounded(file: FileHandle, maxBytes: number): Promise<string | undefined> {
  const buffer = Buffer.alloc(maxBytes + 1)
  let size = 0
  while (size < buffer.length) {
    const { bytesRead } = await file.read(buffer, size, buffer.length - size, size)
    if (bytesRead === 0) break
    size += bytesRead
  }
  const text = size > maxBytes ? undefined : buffer.toString('utf8', 0, size)
  buffer.fill(0)
  return text
}

/** `readBounded` by the file's path. */
export async function readBoundedFile(path: string, maxBytes: number): Promise<string | undefined> {
  const file = await open(path)
  try {
    return await readBounded(file, maxBytes)
  } finally {
    await file.close()
  }
}
