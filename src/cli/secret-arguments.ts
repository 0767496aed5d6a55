import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { hasPassword, looksSecret } from '../config/secret-text.js'
import type { CommandContext } from './context.js'
import { usageError } from './failure.js'

/** Names of options that mean a secret. */
export const SECRET_NAME = /^--?(?:[\w-]+-)?(?:key|token|secret|password|passphrase|credentials?)$/i
/** Names of options whose values are public, although a secret may look like one. */
const PUBLIC_NAME = /^--(sitekey|captcha-id|gt|challenge)$/i

/** Where a secret may be named: standard input, a file, a variable. */
const PLACE = /^(?:-|@.+|[A-Z_][A-Z0-9_]*)$/

/**
 * Refuses a command line that has a secret on it, before anything is parsed or printed. Arguments are in `ps`, where
 * every user of the machine reads them, and in the shell's history.
 *
 * @throws SolveguardError `COMMAND_INVALID`, without the value
 */
export function refuseSecrets(args: readonly string[]): void {
  let option = ''
  for (const arg of args) {
    const [, name = '', value] = /^(--?[\w-]+)(?:=(.*))?$/s.exec(arg) ?? []
    const text = name === '' ? arg : value
    const of = name || option
    option = name !== '' && value === undefined ? name : ''
    if (text === undefined || PUBLIC_NAME.test(of)) continue
    const isSecretOption = SECRET_NAME.test(of)
    if (looksSecret(text) || hasPassword(text) || (isSecretOption && !PLACE.test(text)))
      throw refusal(isSecretOption ? of : undefined)
  }
}

function refusal(option: string | undefined) {
  const which = option === undefined ? 'An argument looks like a key, a token or a password' : `${option} has a value`
  return usageError(
    `${which}: arguments are seen by every user of this machine. Name its place: - for standard input, @file, or a ` +
      'variable of the environment. If it was a real one, replace it: it is in the history of your shell.',
  )
}

/** A longer secret is not read. */
const MAX_SECRET_BYTES = 64 * 1024

/**
 * Reads the secret that an option of `secretOption` names. White space around it is removed.
 *
 * @param place `-`, `@file`, or the name of a variable
 * @param what for messages: `the token`
 * @throws SolveguardError `COMMAND_INVALID`, without the value
 */
export async function readSecret(context: CommandContext, place: string, what: string): Promise<string> {
  const text = (await textAt(context, place, what)).trim()
  if (text === '') throw usageError(`There is nothing where ${what} should be (${placeName(place)}).`)
  return text
}

async function textAt({ env, cwd, stdin }: CommandContext, place: string, what: string): Promise<string> {
  if (place === '-') return allOf(stdin(), what)
  if (!place.startsWith('@')) return env[place] ?? ''
  try {
    return readFileSync(resolve(cwd, place.slice(1)), 'utf8').slice(0, MAX_SECRET_BYTES)
  } catch {
    throw usageError(`The file for ${what} cannot be read: ${place.slice(1)}.`)
  }
}

function placeName(place: string): string {
  if (place === '-') return 'standard input'
  // Not the variable's name: it may be the secret, in capital letters.
  return place.startsWith('@') ? `the file ${place.slice(1)}` : 'the variable that was named'
}

async function allOf(stream: AsyncIterable<unknown>, what: string): Promise<string> {
  let text = ''
  for await (const chunk of stream) {
    text += String(chunk)
    if (text.length > MAX_SECRET_BYTES) throw usageError(`Standard input is too long to be ${what}.`)
  }
  return text
}
