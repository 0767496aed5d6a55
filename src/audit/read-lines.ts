import type { FileHandle } from 'node:fs/promises'

/** The longest line that is read, bytes. Records are far shorter. */
export const MAX_LINE_BYTES = 1024 * 1024

const CHUNK = 256 * 1024
const NEWLINE = 0x0a

/** One line of a file, without its newline. The buffer is valid until the next line is read. */
export interface Line {
  readonly bytes: Buffer
  /** How it ends: `cut` has no newline after it; `long` is above the bound: only a part of it is there. */
  readonly end: 'whole' | 'cut' | 'long'
}

/** How lines are read. */
export interface ReadLinesOptions {
  /**
   * Whether reading goes on behind a line that is too long. Otherwise it is the last one.
   * @default false
   */
  readonly skipLong?: boolean | undefined
}

/**
 * The next bytes of a file, valid until the next call; undefined at its end.
 * @param isInLine whether the bytes so far end within a line
 */
export type ReadChunk = (isInLine: boolean) => Promise<Buffer | undefined>

/**
 * The lines of a file, read in chunks: memory does not depend on the length of the file or a line. Reads what the file
 * held at the start and, where that ends within a line because a process is writing it, the rest of that line.
 */
export async function* readLines(file: FileHandle, options?: ReadLinesOptions): AsyncGenerator<Line, void, undefined> {
  const { size } = await file.stat()
  const chunk = Buffer.allocUnsafe(CHUNK)
  let position = 0
  yield* linesOf(async (isInLine) => {
    if (position >= size && !isInLine) return undefined
    const { bytesRead } = await file.read(chunk, 0, CHUNK, position)
    position += bytesRead
    return bytesRead === 0 ? undefined : chunk.subarray(0, bytesRead)
  }, options)
}

/** The lines in chunks of bytes. */
export async function* linesOf(
  read: ReadChunk,
  { skipLong = false }: ReadLinesOptions = {},
): AsyncGenerator<Line, void, undefined> {
  let tail: Buffer = Buffer.alloc(0)
  /** Within a line that is too long: it was returned, and its rest is skipped. */
  let skipping = false
  for (let data = await read(false); data !== undefined; data = await read(skipping || tail.length > 0)) {
    let start = 0
    for (let end = data.indexOf(NEWLINE); end !== -1; end = data.indexOf(NEWLINE, start)) {
      const piece = data.subarray(start, end)
      start = end + 1
      if (skipping) {
        skipping = false
        continue
      }
      const bytes = tail.length === 0 ? piece : Buffer.concat([tail, piece])
      tail = tail.subarray(0, 0)
      const isLong = bytes.length > MAX_LINE_BYTES
      yield { bytes, end: isLong ? 'long' : 'whole' }
      if (isLong && !skipLong) return
    }
    if (skipping) continue
    // A copy: the next read overwrites the chunk.
    tail = Buffer.concat([tail, data.subarray(start)])
    if (tail.length > MAX_LINE_BYTES) {
      yield { bytes: tail, end: 'long' }
      if (!skipLong) return
      skipping = true
      tail = Buffer.alloc(0)
    }
  }
  if (tail.length > 0) yield { bytes: tail, end: 'cut' }
}
