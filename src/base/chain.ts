/** The last record of one audit file. The ledger stores it, so that a cut-off end of the file is detected. */
export interface ChainHead {
  /** The file's name, without its folder. */
  readonly file: string
  /** The number of the record in its file, from 1. */
  readonly seq: number
  /** The hash of that record, hex. */
  readonly hash: string
}
