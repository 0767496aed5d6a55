import { closeSync, constants, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = constants

/** A file that only we append to: a whole batch or nothing of it. Every method throws what the operating system says. */
export class AppendOnlyFile {
  readonly path: string
  readonly #fd: number
  readonly #inode: number
  readonly #device: number
  readonly #sync: boolean
  #size = 0
  #torn = false

  /**
   * Creates the file, readable and writable by its owner only.
   * @param sync whether a batch is on the disk, not only with the operating system, once it is appended
   */
  constructor(path: string, sync: boolean) {
    this.path = path
    this.#sync = sync
    this.#fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL, 0o600)
    try {
      const stat = fstatSync(this.#fd)
      this.#inode = stat.ino
      this.#device = stat.dev
      // The file's name lies in its folder: without this a power cut takes a synced file away with its name.
      if (sync) syncFolder(dirname(path))
    } catch (error) {
      closeSync(this.#fd)
      throw error
    }
  }

  /** Bytes. */
  get size(): number {
    return this.#size
  }

  /**
   * Whether the next batch would follow the last one. Not so where the file was deleted, written to or cut by somebody
   * else, where its descriptor was closed behind our back (and may stand for another file by now), or where a
   * failed batch could not be taken back.
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

  /** Appends the text. When it throws, the file is as it was before, or no longer `intact()`. */
  append(text: string): void {
    const data = Buffer.from(text)
    try {
      // One call writes it all, unless the disk is full; then the next call says why.
      for (let done = 0; done < data.length; ) {
        const written = writeSync(this.#fd, data, done, data.length - done)
        if (written === 0) throw new Error('nothing could be written')
        done += written
      }
      if (this.#sync) fdatasyncSync(this.#fd)
    } catch (error) {
      this.#takeBack()
      throw error
    }
    this.#size += data.length
  }

  close(): void {
    // A descriptor that was closed behind our back may be somebody else's file now.
    if (this.#isOurs()) closeSync(this.#fd)
  }

  #isOurs(): boolean {
    try {
      const { ino, dev } = fstatSync(this.#fd)
      return ino === this.#inode && dev === this.#device
    } catch {
      return false
    }
  }

  #takeBack(): void {
    try {
      ftruncateSync(this.#fd, this.#size)
      // After a failed sync nobody knows what the disk has of the lines before: it is no place to go on.
      this.#torn = this.#sync
    } catch {
      this.#torn = true
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
