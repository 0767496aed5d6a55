import { describe, expect, it } from 'vitest'
import { whyNotLoaded } from '../../src/base/packages.js'

function failure(message: string, code?: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code })
}

describe('a package that could not be loaded', () => {
  it.each([
    ["Cannot find package 'ioredis' imported from /app/server.mjs", 'ERR_MODULE_NOT_FOUND'],
    ["Cannot find module 'ioredis'\nRequire stack:\n- /app/node_modules/solveguard/dist/x.js", 'MODULE_NOT_FOUND'],
    ["Cannot find module 'ioredis' from 'node_modules/solveguard/dist/ledger/redis/server.js'", 'MODULE_NOT_FOUND'],
    ["solveguard tried to access ioredis (a peer dependency) but it isn't provided", 'MODULE_NOT_FOUND'],
  ])('is reported as not installed: %s', (message, code) => {
    expect(whyNotLoaded('ioredis', failure(message, code))).toBe('is not installed: npm install ioredis')
  })

  it.each(['@libsql/linux-x64-gnu', '@libsql/darwin-arm64', '@libsql/win32-x64-msvc'])(
    'is reported as without its part for this machine: %s',
    (part) => {
      const why = whyNotLoaded('libsql', failure(`Cannot find module '${part}'\nRequire stack:`, 'MODULE_NOT_FOUND'))
      expect(why).toContain(`is installed without its part for this machine, ${part}: `)
      expect(why).toContain('--omit=optional')
    },
  )

  it.each([
    [failure('/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38` not found', 'ERR_DLOPEN_FAILED'), 'GLIBC_2.38'],
    [failure('No native build was found for platform=linux'), 'No native build'],
    [failure("Cannot find module 'denque'\nRequire stack:", 'MODULE_NOT_FOUND'), "Cannot find module 'denque'"],
    ['thrown text', 'thrown text'],
  ])('is reported as installed, with its own error: %s', (cause, said) => {
    const why = whyNotLoaded('ioredis', cause)
    expect(why).toContain('is installed, but could not be loaded (')
    expect(why).toContain(said)
    expect(why).not.toContain('\n')
  })
})
