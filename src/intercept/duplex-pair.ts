import { Duplex } from 'node:stream'

/** Two ends of a connection within the process: what is written to one is read from the other. */
export function duplexPair(): [Duplex, Duplex] {
  const near = new End()
  const far = new End()
  near.join(far)
  far.join(near)
  return [near, far]
}

/** One end. `stream.duplexPair` is in Node 22 and newer only, and destroys one end without the other. */
class End extends Duplex {
  #other: End | undefined
  /** Called when the other end has taken what was written. */
  #written: (() => void) | undefined

  join(other: End): void {
    this.#other = other
  }

  override _read(): void {
    this.#other?.taken()
  }

  taken(): void {
    const written = this.#written
    this.#written = undefined
    written?.()
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    // An empty chunk would be taken for none, and never be read.
    if (chunk.length === 0) {
      process.nextTick(done)
      return
    }
    this.#written = done
    // As on a network, no reply arrives while a request is being written: HTTP clients rely on that.
    process.nextTick(() => {
      if (this.#other?.destroyed === false) this.#other.push(chunk)
      else this.taken()
    })
  }

  override _final(done: () => void): void {
    this.#other?.push(null)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.taken()
    const other = this.#other
    process.nextTick(() => other?.destroy())
    done(error)
  }
}
