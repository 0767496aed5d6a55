const NO_BYTES: Buffer = Buffer.alloc(0)

/**
 * Bytes that arrive in chunks, up to a bound, in one buffer. A list of chunks has no such bound: a sender that sends
 * single bytes makes it more than a hundred times as large as the bytes.
 */
export class BoundedBytes {
  readonly #maxBytes: number
  #buffer = NO_BYTES
  #length = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** @returns false if the bytes exceed the bound: then none are kept */
  add(chunk: Buffer): boolean {
    const length = this.#length + chunk.length
    if (length > this.#maxBytes) {
      this.#buffer = NO_BYTES
      this.#length = 0
      return false
    }
    // Most bodies are one chunk, which need not be copied.
    if (this.#length === 0) this.#buffer = chunk
    else {
      if (length > this.#buffer.length) {
        const larger = Buffer.allocUnsafe(Math.min(Math.max(2 * this.#buffer.length, length), this.#maxBytes))
        this.#buffer.copy(larger, 0, 0, this.#length)
        this.#buffer = larger
      }
      chunk.copy(this.#buffer, this.#length)
    }
    this.#length = length
    return true
  }

  /** The bytes. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  /** The bytes as text. */
  toString(encoding: BufferEncoding = 'utf8'): string {
    return this.#buffer.toString(encoding, 0, this.#length)
  }
}

/** Reads a stream to its end. @returns its text; undefined if it has more bytes, and the stream is then destroyed */
export async function readBounded(stream: AsyncIterable<Buffer>, maxBytes: number): Promise<string | undefined> {
  const bytes = new BoundedBytes(maxBytes)
  for await (const chunk of stream) if (!bytes.add(chunk)) return undefined
  return bytes.toString()
}
