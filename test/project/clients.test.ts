import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from './blocks.js'

const textOf = (file: string) => readFileSync(join(root, file), 'utf8')

/** The test that each word of the table's last column stands for, and where the versions of its clients are pinned. */
const TRIED: Readonly<Record<string, readonly [test: string, ...pinned: string[]]>> = {
  clients: ['test/broker/clients.processes.test.ts', 'scripts/python-clients.mjs', 'package-lock.json'],
  tls: ['test/broker/tls.processes.test.ts', 'scripts/python-clients.mjs'],
  register: ['test/intercept/register.processes.test.ts', 'scripts/node-clients.mjs'],
  remote: ['test/guard/remote/light.test.ts'],
}

const page = textOf('docs/broker.md')
const [, section = ''] = page.split('## Every client, its way in, and what to change\n')
const rows = [...(section.split(/^## /m)[0] ?? '').matchAll(/^\| (.+) \|$/gm)]
  .map(([, row = '']) => row.split(' | '))
  .filter(([first]) => first !== 'client' && first !== '---')

it('docs/broker.md says of each client whether it was tried, and in which version', () => {
  expect(rows.length).toBeGreaterThan(20)
  for (const [client = '', way = '', address = '', key = '', tried = '', ...more] of rows) {
    expect([client, more]).toEqual([client, []])
    expect(way).toMatch(/^\[.+\]\(.+\)$/)
    expect([client, address, key]).not.toContain('')
    if (tried === 'not tried') continue
    const [test, ...pinned] = TRIED[tried.replaceAll('`', '')] ?? []
    expect([client, test]).toEqual([client, expect.any(String)])
    expect([client, page.includes(`\`${test}\``)]).toEqual([client, true])
    const [, name = '', version] = /^(\S+) (\d[\d.]*) \((?:PyPI|npm)\)/.exec(client) ?? []
    if (version === undefined) continue
    const lists = pinned.map(textOf).join('\n')
    const has = [`${name}==${version}`, `${name}@${version}`].some((pin) => lists.includes(pin))
    const locked = lists.includes(`"node_modules/${name}": {\n      "version": "${version}"`)
    expect([client, has || locked]).toEqual([client, true])
  }
})

it('every client that the tests run against a broker or a guard has its row', () => {
  const pins = [...textOf('scripts/python-clients.mjs').matchAll(/'([\w-]+)==[\d.]+'/g)].map(([, name = '']) => name)
  expect(pins.length).toBeGreaterThan(8)
  expect(pins.filter((name) => !rows.some(([client]) => client?.startsWith(`${name} `)))).toEqual([])
})
