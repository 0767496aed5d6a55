import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import * as alerts from '../../src/alerts/index.js'
import * as audits from '../../src/audit/index.js'
import * as ledgers from '../../src/ledger/index.js'
import * as secrets from '../../src/secrets/index.js'

const folder = join(import.meta.dirname, '..')

it.each([
  ['secrets', 'secretProviderContract', secrets, /^[a-z]\w+Secret$/],
  ['ledger', 'ledgerContract', ledgers, /^(?!open)[a-z]\w+Ledger$/],
  ['audit', 'sinkContract', audits, /^(?!archive|verify|copy|keysIn)[a-z]\w+Audit$/],
  ['alerts', 'channelContract', alerts, /^[a-z]\w+Alerts$/],
])('each implementation that solveguard/%s exports is held to %s', (part, contract, entry, name) => {
  const made = Object.keys(entry).filter((one) => name.test(one))
  expect(made.length).toBeGreaterThan(1)
  const tests = readdirSync(join(folder, part))
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(folder, part, file), 'utf8'))
    .filter((text) => text.includes(`${contract}(`))
  expect(made.filter((one) => !tests.some((text) => new RegExp(`\\b(?:create)?${one}\\(`, 'i').test(text)))).toEqual([])
})
