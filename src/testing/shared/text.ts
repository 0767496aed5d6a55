/** The text of a script that calls a function which refers to nothing outside itself. */
export function callScript<T>(run: (told: T) => void, told: T): string {
  // JSON inside a script element: nothing in it may end the element.
  return `(${run})(${JSON.stringify(told).replaceAll('<', '\\u003c')})`
}

/** Text in HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
