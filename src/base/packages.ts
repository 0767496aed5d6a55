import { messageOf, printable } from './errors.js'

/**
 * Why a package that users install themselves could not be loaded, and what to do, as the end of a sentence that begins
 * with its name.
 *
 * @param name `ioredis`
 * @param cause what `import` threw
 */
export function whyNotLoaded(name: string, cause: unknown): string {
  const absent = absentPackage(cause)
  if (absent === name) return `is not installed: npm install ${name}`
  if (absent !== undefined && isPlatformPart(absent)) {
    return (
      `is installed without its part for this machine, ${absent}: install it again, without --omit=optional and on ` +
      `this kind of machine (npm install ${name} --include=optional)`
    )
  }
  const problem = printable(messageOf(cause).split('\n', 1)[0] ?? '', 300)
  return `is installed, but could not be loaded (${problem}): install it again (npm install ${name})`
}

/** The package that the error of an `import` or `require` is about, if it is about one that was not found. */
function absentPackage(cause: unknown): string | undefined {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined
  if (code !== 'MODULE_NOT_FOUND' && code !== 'ERR_MODULE_NOT_FOUND') return undefined
  // Node, Jest, Bun and bundlers quote the name; Yarn's PnP does not: "solveguard tried to access ioredis (a peer …".
  const text = messageOf(cause)
  const found = /(?:Cannot find (?:module|package)|tried to access) ['"]?((?:@[\w.-]+\/)?[\w.-]+)/.exec(text)
  return found?.[1]
}

/** Whether a package is the compiled part of another one for one kind of machine, such as `@libsql/linux-x64-gnu`. */
function isPlatformPart(name: string): boolean {
  return /(?:linux|darwin|win32|android|freebsd)-\w+/.test(name)
}
