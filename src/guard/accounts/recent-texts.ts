/**
 * The latest texts of many: at least `count` of them, at most twice as many, and each is found in constant time.
 *
 * Two sets, of which the older one is dropped as a whole. A set from which the first entry is deleted for each new one
 * takes longer and longer to find its first entry, until it is rebuilt.
 */
export class RecentTexts {
  readonly #count: number
  #newer = new Set<string>()
  #older = new Set<string>()

  constructor(count: number) {
    this.#count = count
  }

  /** @returns whether the text is new: false if it is one of the latest */
  add(text: string): boolean {
    if (this.#older.has(text)) return false
    const { size } = this.#newer
    if (this.#newer.add(text).size === size) return false
    if (size === this.#count) {
      this.#older = this.#newer
      this.#newer = new Set()
    }
    return true
  }
}
