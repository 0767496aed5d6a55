import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { createSecretCache } from '../../src/secrets/cache.js'
import { fileSecret } from '../../src/secrets/index.js'
import { watchFile } from '../../src/secrets/watch.js'
import { KEY, NEXT_KEY } from './contract.js'

let folder: string
let stop = () => {}
let changes = 0
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'solveguard-watch-'))
  changes = 0
})
afterEach(() => {
  stop()
  rmSync(folder, { recursive: true })
})

const watching = (path: string) => {
  stop = watchFile(path, systemClock, () => changes++)
}
const told = (times: number) => vi.waitFor(() => expect(changes).toBeGreaterThanOrEqual(times), { timeout: 10_000 })

/** What Kubernetes makes of a secret: files are links into `..data`, which is a link to the folder of the day. */
function mount(version: string, text: string): void {
  const data = join(folder, `..${version}`)
  mkdirSync(data)
  writeFileSync(join(data, 'key'), text, { mode: 0o644 })
  symlinkSync(`..${version}`, join(folder, '..data_tmp'))
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
}

test('a file that is written to, moved over, removed and made again is told each time', async () => {
  const path = join(folder, 'key')
  writeFileSync(path, KEY)
  watching(path)
  appendFileSync(path, '\n')
  await told(1)
  writeFileSync(join(folder, 'new'), NEXT_KEY)
  renameSync(join(folder, 'new'), path)
  await told(2)
  unlinkSync(path)
  await told(3)
  writeFileSync(path, KEY)
  await told(4)
})

test('what else happens in its folder is not told', async () => {
  const path = join(folder, 'key')
  writeFileSync(path, KEY)
  watching(path)
  for (let i = 0; i < 10; i++) writeFileSync(join(folder, `other-${i}`), 'x')
  await sleep(200)
  expect(changes).toBe(0)
  appendFileSync(path, '\n')
  await told(1)
})

test('a mounted secret that is exchanged as Kubernetes does it is told, again and again', async () => {
  mount('1', KEY)
  symlinkSync('..data/key', join(folder, 'key'))
  watching(join(folder, 'key'))
  for (const version of [2, 3, 4]) {
    mount(String(version), NEXT_KEY)
    rmSync(join(folder, `..${version - 1}`), { recursive: true })
    await told(version - 1)
  }
})

test('a folder that was removed, and comes back as a link, is followed', async () => {
  mkdirSync(join(folder, 'a'))
  mkdirSync(join(folder, 'b'))
  writeFileSync(join(folder, 'b', 'key'), KEY)
  symlinkSync('a', join(folder, 'link'))
  watching(join(folder, 'link', 'key'))
  unlinkSync(join(folder, 'link'))
  symlinkSync('b', join(folder, 'link'))
  await told(1)
  writeFileSync(join(folder, 'b', 'key'), NEXT_KEY)
  await told(2)
})

test('nothing is told once it has ended, and what cannot be watched is no error', async () => {
  const path = join(folder, 'key')
  watching(join(folder, 'no', 'such', 'folder'))
  stop()
  watching(path)
  writeFileSync(path, KEY)
  stop()
  await sleep(150)
  expect(changes).toBe(0)
})

test('fileSecret gives a key that was exchanged under it at once, without being asked to', async () => {
  mount('1', `${KEY}\n`)
  symlinkSync('..data/key', join(folder, 'key'))
  const cache = createSecretCache(fileSecret(join(folder, 'key'), { mounted: true }), { clock: systemClock })
  cache.open()
  stop = cache.close
  await cache.get()
  mount('2', `${NEXT_KEY}\n${KEY}\n`)
  const now = () => cache.peek(Date.now())
  await vi.waitFor(() => expect(now()?.current.value.reveal()).toBe(NEXT_KEY), { timeout: 10_000 })
  expect(now()?.previous?.value.reveal()).toBe(KEY)
})
