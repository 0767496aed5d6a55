import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serviceHost } from '../../src/intercept/names.js'
import { hostOfRequest } from '../../src/intercept/requests.js'
import { SERVICE_HOSTS } from '../../src/wires/services.js'

const HOSTS = Object.keys(SERVICE_HOSTS)
const host = fc.constantFrom(...HOSTS)
/** What resolvers take for the same character, or for none. */
const spellings: readonly ((character: string) => string)[] = [
  (character) => character,
  (character) => character.toUpperCase(),
  (character) => (character === '.' ? '。' : String.fromCodePoint(0xfee0 + (character.codePointAt(0) ?? 0))),
  (character) => `${'\u00ad'.repeat(60)}${character}`,
  (character) => `\\${character.charCodeAt(0).toString().padStart(3, '0')}`,
]
const ending = fc.constantFrom('', '.', '...', '\0', `\0${'x'.repeat(900)}`, `.\0.example`)
const manner = fc.array(fc.nat(spellings.length - 1), { minLength: 30, maxLength: 30 })

describe('the name of a service', () => {
  it('is known in any spelling that resolves to the same, however long', () => {
    fc.assert(
      fc.property(host, manner, ending, (name, how, end) => {
        const spelled = [...name].map((character, at) => spellings[how[at] ?? 0]?.(character)).join('')
        expect(serviceHost(spelled + end)).toBe(name)
      }),
    )
  })

  it('is no other name, and nothing that is no name', () => {
    const others = [...HOSTS.flatMap((name) => [`x${name}`, `${name}.example`, `.${name}`, `${name}:443`, ` ${name}`])]
    for (const other of [...others, '', '.', '\\', '__proto__', 'toString', undefined, null, 5, {}, HOSTS]) {
      expect(serviceHost(other)).toBeUndefined()
    }
    fc.assert(fc.property(fc.string(), (text) => serviceHost(text) === undefined))
  })
})

describe('a request that is written to a connection', () => {
  const method = fc.constantFrom('GET', 'POST', 'HEAD', 'OPTIONS')
  const bytes = fc.boolean()
  const written = (text: string, asBytes: boolean) => (asBytes ? Buffer.from(text, 'latin1') : text)

  it('is for the service that its address or its header names', () => {
    fc.assert(
      fc.property(host, method, bytes, fc.constantFrom('', ':80', ':443'), (name, verb, asBytes, port) => {
        const requests = [
          `${verb} http://${name}${port}/in.php?key=k HTTP/1.1\r\nHost: proxy.internal:3128\r\n\r\n`,
          `${verb} HTTPS://user:password@${name.toUpperCase()}${port} HTTP/1.0\r\n\r\n`,
          `${verb} /in.php HTTP/1.1\r\naccept: */*\r\nhOST:\t${name}${port}\r\n\r\nkey=k`,
        ]
        for (const request of requests) expect(hostOfRequest(written(request, asBytes))).toBe(name)
      }),
    )
  })

  it('is for none where it is for another host, asks for a tunnel, or is no request', () => {
    fc.assert(
      fc.property(host, bytes, (name, asBytes) => {
        const others = [
          `CONNECT ${name}:443 HTTP/1.1\r\nHost: ${name}:443\r\n\r\n`,
          `GET /?to=http://${name}/ HTTP/1.1\r\nHost: example.com\r\nReferer: https://${name}/\r\n\r\n`,
          `HTTP/1.1 200 OK\r\nhost: ${name}\r\n\r\n`,
          `get / HTTP/1.1\r\nhost: ${name}\r\n\r\n`,
          `{"GET": "http://${name}/ HTTP/1.1\r\nhost: ${name}"}`,
          `GET http://${name}/`,
        ]
        for (const other of others) expect(hostOfRequest(written(other, asBytes))).toBeUndefined()
      }),
    )
    fc.assert(fc.property(fc.uint8Array(), (chunk) => hostOfRequest(chunk) === undefined))
    for (const chunk of [undefined, null, 5, {}, [], '']) expect(hostOfRequest(chunk)).toBeUndefined()
  })
})
