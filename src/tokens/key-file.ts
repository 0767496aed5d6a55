import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync, writeSync } from 'node:fs'
import { DeniedError, messageOf } from '../base/errors.js'
import { fileSecret } from '../secrets/file.js'
import type { SecretProvider } from '../secrets/provider.js'

/**
 * The signing key in a file that only its owner may read. The process that needs it first makes it, at random; all
 * processes then use the same.
 *
 * @param prepare makes the folder
 */
export function tokenKeyFile(path: string, prepare: () => void): SecretProvider {
  const file = fileSecret(path)
  return {
    ...file,
    fetch(signal) {
      if (!existsSync(path)) makeKey(path, prepare)
      return file.fetch(signal)
    },
  }
}

/** @throws DeniedError `SECRET_UNAVAILABLE` */
function makeKey(path: string, prepare: () => void): void {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  try {
    prepare()
    const file = openSync(draft, 'wx', 0o600)
    try {
      writeSync(file, `${randomBytes(32).toString('hex')}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    // A link to the whole file. It fails where another process was first, whose key is then used.
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw new DeniedError(
      'SECRET_UNAVAILABLE',
      `The key that signs tokens could not be written to ${path} (${messageOf(error)}): make the folder writable, or ` +
        'set `tokens.keys` to a secret provider.',
      { cause: error },
    )
  } finally {
    if (existsSync(draft)) rmSync(draft)
  }
}
