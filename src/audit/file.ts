import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = constants

/**
 * A file that only this process appends to: a whole batch or none of it. Every method throws the system's own errors.
 */
export class AppendOnlyFile {
  readonly path: string
  readonly #fd: number
  readonly #inode: number
  readonly #device: number
  readonly #sync: boolean
  #size = 0
  #left = 0
  #torn = false

  /**
   * Creates the file, readable and writable by its owner only.
   * @param sync whether `append` waits until the batch is on the disk, and not only in the operating system's cache
   */
  constructor(path: string, sync: boolean) {
    this.path = path
    this.#sync = sync
    this.#fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL, 0o600)
    try {
      const stat = fstatSync(this.#fd)
      this.#inode = stat.ino
      this.#device = stat.dev
      // The file's name is stored in its folder: without this, a power failure may remove the name of a synced file.
      if (sync) syncFolder(dirname(path))
    } catch (error) {
      this.remove()
      closeSync(this.#fd)
      throw error
    }
  }

  /** Bytes. */
  get size(): number {
    return this.#size
  }

  /** How many bytes of a failed batch are still at the end of the file, because they could not be removed. */
  get left(): number {
    return this.#left
  }

  /**
   * Whether the next batch would follow the last one. Not if another process deleted, wrote to or truncated the file,
   * if other code closed its descriptor (which may belong to another file by now), or if a failed batch could not be
   * removed again.
   */
  intact(): boolean {
    if (this.#torn) return false
    try {
      const { ino, dev, nlink, size } = fstatSync(this.#fd)
      return ino === this.#inode && dev === this.#device && nlink > 0 && size === this.#size
    } catch {
      return false
    }
  }

  /**
   * Appends the text. When it throws, the file is as it was before; or it is no longer `intact()`, and ends in the
   * first `left` bytes of the text.
   */
  append(text: string): void {
    const data = Buffer.from(text)
    let done = 0
    try {
      // One call writes everything, unless the disk is full; then the next call throws.
      while (done < data.length) {
        const written = writeSync(this.#fd, data, done, data.length - done)
        if (written === 0) throw new Error('nothing could be written')
        done += written
      }
      if (this.#sync) fdatasyncSync(this.#fd)
    } catch (error) {
      this.#truncate(done)
      throw error
    }
    this.#size += data.length
  }

  /** Removes the file, for one without a whole first record. Where it cannot be removed, verification reports it. */
  remove(): void {
    try {
      unlinkSync(this.path)
    } catch {}
  }

  close(): void {
    // If other code closed the descriptor, its number may belong to another file by now.
    if (this.#isOwn()) closeSync(this.#fd)
  }

  /** Whether the descriptor is still this file's. Where that cannot be read, it is. */
  #isOwn(): boolean {
    try {
      const { ino, dev } = fstatSync(this.#fd)
      return ino === this.#inode && dev === this.#device
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'EBADF'
    }
  }

  #truncate(written: number): void {
    try {
      ftruncateSync(this.#fd, this.#size)
      // After a failed sync it is unknown which of the earlier lines are on the disk: nothing more is appended.
      this.#torn = this.#sync
    } catch {
      this.#torn = true
      this.#left = Math.max(this.#sizeNow(this.#size + written) - this.#size, 0)
    }
  }

  #sizeNow(expected: number): number {
    try {
      return fstatSync(this.#fd).size
    } catch {
      return expected
    }
  }
}

function syncFolder(path: string): void {
  const fd = openSync(path, constants.O_RDONLY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
