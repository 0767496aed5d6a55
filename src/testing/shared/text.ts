/** The text of a script that calls a function with one argument. The function refers to nothing outside itself. */
export function callScript<T>(run: (argument: T) => void, argument: T): string {
  // Inside a script element, the JSON must not contain its end tag.
  return `(${run})(${JSON.stringify(argument).replaceAll('<', '\\u003c')})`
}

/** Escapes text for HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
