/** What a guard does when its process ends and it was not closed. */
export interface ProcessEnd {
  /** The event loop is empty. May begin work that takes time; is called again when that has ended. */
  beforeExit(): void
  /** The process ends, also by `process.exit` or an uncaught error. Only what is synchronous is still done. */
  exit(): void
}

const ends = new Set<ProcessEnd>()

function beforeExit(): void {
  for (const end of ends) end.beforeExit()
}

function exit(): void {
  for (const end of ends) end.exit()
}

/** Calls back when the process ends, until the function that is returned is called. One listener serves all guards. */
export function atProcessEnd(end: ProcessEnd): () => void {
  if (ends.size === 0) process.on('beforeExit', beforeExit).on('exit', exit)
  ends.add(end)
  return () => {
    ends.delete(end)
    if (ends.size === 0) process.off('beforeExit', beforeExit).off('exit', exit)
  }
}
