/**
 * The code that runs inside a page, as the text of two scripts. This file is a stand-in: the bundler puts the bundled
 * files in its place (scripts/page-script.mjs), at build and when tests run from source.
 */

/** The init script, from `observer.ts`. Reads a variable `SOLVEGUARD_HOLD_MS` that the text around it declares. */
export const observerScript: string = ''

/** What finds and injects, from `main.ts`. */
export const pageScript: string = ''
