/** The last record of one audit file. The ledger stores it, so that a cut-off end of the file is detected. */
export interface ChainHead {
  /** The file's name, without its folder. */
  readonly file: string
  /** The number of the record in its file, from 1. */
  readonly seq: number
  /** The hash of that record, hex. */
  readonly hash: string
  /**
   * Present if that is the last record of the file. `torn`: a part of a line follows it, which a failed write left
   * there.
   * @default more records may follow
   */
  readonly end?: 'whole' | 'torn' | undefined
}

/** Whether a head takes the place of another one of its file: a head never goes back, and an end stays. */
export function isNewerHead({ seq, end }: ChainHead, before: ChainHead | undefined): boolean {
  if (before === undefined || seq > before.seq) return true
  return seq === before.seq && end !== undefined && before.end === undefined
}
