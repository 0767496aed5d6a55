import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'

/** The text of a file, or undefined if it is larger than `most` bytes: no more is read, whatever it has grown to since it was opened. */
export async function readBounded(file: FileHandle, most: number): Promise<string | undefined> {
  const buffer = Buffer.alloc(most + 1)
  let size = 0
  while (size < buffer.length) {
    const { bytesRead } = await file.read(buffer, size, buffer.length - size, size)
    if (bytesRead === 0) break
    size += bytesRead
  }
  const text = size > most ? undefined : buffer.toString('utf8', 0, size)
  buffer.fill(0)
  return text
}

/** The same, by the file's path. */
export async function readBoundedFile(path: string, most: number): Promise<string | undefined> {
  const file = await open(path)
  try {
    return await readBounded(file, most)
  } finally {
    await file.close()
  }
}
