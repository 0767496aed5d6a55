/**
 * The code that runs inside a page, as the texts of scripts. The bundler replaces this file with the bundled texts
 * (scripts/page-script.mjs), at build and when tests run from source.
 */

/**
 * The init script, from `init-script.ts`. It reads the variable `SOLVEGUARD_HOLD_MS`, which the text around it
 * declares.
 */
export const observerScript: string = ''

/** What is added to it where calls are held, from `hold-script.ts`. */
export const holdScript: string = ''

/**
 * The script that finds and injects, from `main.ts`: all but the families and the waits. Does nothing without the init
 * script.
 */
export const coreScript: string = ''

/** What waits, from `wait-script.ts`. Does nothing without the core script. */
export const waitScript: string = ''

/** By family, its script, from the table in `families.ts`. Does nothing without the core script. */
export const familyScripts: Readonly<Record<string, string>> = {}
