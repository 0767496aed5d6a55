/**
 * The code that runs inside a page, as the text of a script. This file is a stand-in: the bundler puts the bundled
 * `main.ts` in its place (scripts/page-script.mjs), at build and when tests run from source.
 */
export const pageScript: string = ''
