/** A number and its noun, for messages: `1 record`, `2 records`, `3 processes`. */
export function counted(count: number, noun: string, ending = 's'): string {
  return `${count} ${noun}${count === 1 ? '' : ending}`
}
