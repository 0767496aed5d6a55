import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import type { AnyChallenge, GridChallenge, ImageChallenge } from '../../../src/base/challenge.js'
import type { Solution } from '../../../src/guard/types.js'
import { capSolver } from '../../../src/solvers/cap-solver.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { drawDigits } from '../../../src/testing/shared/picture.js'
import { after, challenge, rig } from '../support.js'

const { pageUrl } = challenge
const image: ImageChallenge = { family: 'image', variant: 'text', pageUrl, image: drawDigits('4711') }
const grid: GridChallenge = {
  family: 'bls',
  variant: 'grid',
  pageUrl,
  images: ['664', '123', '546', '664', '812', '907', '664', '111', '230'].map((digits) => drawDigits(digits)),
  instruction: 'Please select all boxes with number 664',
}

describe('a picture', () => {
  it('is solved by the service, and its cost is counted', async () => {
    const { guard, service, actions } = await rig()
    const { token, cost, expiresAt } = await guard.solve({ ...image, numeric: 1 })
    expect([token, cost]).toEqual(['4711', 1000])
    expect(expiresAt.getTime()).toBeGreaterThan(Date.now() + 9 * 60_000)
    expect(service.tasks).toMatchObject([{ fields: { method: 'base64', numeric: '1' }, charged: 1000 }])
    expect(actions()).toEqual(expect.arrayContaining(['authorized', 'solved']))
  })

  it('of nine cells is answered with the cells that match', async () => {
    const { guard, service } = await rig()
    expect((await guard.solve(grid)).token).toBe('[1,4,7]')
    expect(service.tasks).toMatchObject([{ fields: { method: 'bls', instructions: '664' } }])
  })

  it('that the service solves within the submit is paid, recorded and reported, and never polled', async () => {
    const service = await startSolverService({ as: 'capsolver' })
    after(() => service.close())
    const solver = capSolver({ baseUrl: service.url, pricing: { per: 'solve', usd: 0.001 } })
    const { guard, actions } = await rig({ service, guardOptions: { solver } })
    const solution = await guard.solve(image)
    expect([solution.token, solution.cost, (await guard.status()).day.spent]).toEqual(['4711', 1000, 1000])
    await solution.reportBad()
    expect(service.tasks).toMatchObject([{ state: 'ready', charged: 1000, report: 'bad' }])
    expect(service.requests.map(({ path }) => path)).toEqual(['/createTask', '/feedbackTask'])
    expect(actions()).toEqual(expect.arrayContaining(['authorized', 'solved']))
  })

  it('appears in no audit record, event or log line', async () => {
    const logged: object[] = []
    const log = (fields: object) => void logged.push(fields)
    const { guard, audit } = await rig({ guardOptions: { logger: { debug: log, info: log, warn: log } } })
    const events: object[] = []
    for (const name of ['authorized', 'submitted', 'solved', 'denied'] as const)
      guard.on(name, (event) => void events.push(event))
    await guard.solve(image)
    await guard.solve(grid)
    await expect(guard.solve({ ...image, pageUrl: 'https://elsewhere.example/' })).rejects.toMatchObject({
      code: 'ORIGIN_NOT_NAMED',
    })
    const written = JSON.stringify([audit.records, events, logged])
    expect(events.length).toBeGreaterThanOrEqual(7)
    expect(written).toContain('"family":"image"')
    // A picture is in none of them, neither as text nor as bytes.
    expect(written).not.toContain('iVBORw0K')
    expect(written).not.toContain('137,80,78,71')
    expect(written.length).toBeLessThan(20_000)
  })

  it('is admitted by its page and its frame like any other challenge', async () => {
    const { guard, service } = await rig()
    await expect(guard.solve({ ...image, frameUrl: 'https://elsewhere.example/' })).rejects.toMatchObject({
      code: 'ORIGIN_NOT_NAMED',
    })
    await expect(guard.solve({ ...image, pageUrl: 'about:blank' })).rejects.toMatchObject({ code: 'ORIGIN_OPAQUE' })
    expect(service.requests).toHaveLength(0)
  })

  it('is not kept in memory after its submit, even while the solution is kept', async () => {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    const { guard } = await rig()
    const sent: WeakRef<Uint8Array>[] = []
    const solutions: Solution[] = []
    const send = async () => {
      const bytes = drawDigits('4711')
      sent.push(new WeakRef(bytes))
      solutions.push(await guard.solve({ ...image, image: bytes }, { signal: new AbortController().signal }))
    }
    for (let count = 0; count < 5; count++) await send()
    await new Promise((resolve) => setTimeout(resolve, 10))
    collect()
    expect(solutions.map(({ token }) => token)).toEqual(Array(5).fill('4711'))
    // The last one may still be referenced from a stack.
    expect(sent.filter((one) => one.deref() !== undefined).length).toBeLessThanOrEqual(1)
  })
})

describe('a guard refuses, before anything is sent,', () => {
  const png = (size: number) => Buffer.concat([drawDigits('1'), Buffer.alloc(size)]).subarray(0, size)
  const nine = (cell: unknown) => [...grid.images.slice(0, 8), cell]
  it.each<[string, object]>([
    ['image', { ...image, image: 'iVBORw0K' }],
    ['image', { ...image, image: undefined }],
    ['image', { ...image, image: png(99) }],
    ['image', { ...image, image: png(1024 * 1024 + 1) }],
    ['image', { ...image, image: Buffer.from(`<svg>${' '.repeat(200)}</svg>`) }],
    ['numeric', { ...image, numeric: 5 }],
    ['minLength', { ...image, minLength: 0 }],
    ['maxLength', { ...image, maxLength: 101 }],
    ['minLength', { ...image, minLength: 5, maxLength: 4 }],
    ['phrase', { ...image, phrase: 1 }],
    ['case', { ...image, case: 'yes' }],
    ['math', { ...image, math: null }],
    ['comment', { ...image, comment: 'x'.repeat(141) }],
    ['comment', { ...image, comment: 'a\nb' }],
    ['variant', { ...image, variant: 'grid' }],
    ['images', { ...grid, images: grid.images.slice(1) }],
    ['images', { ...grid, images: 'nine' }],
    ['images[8]', { ...grid, images: nine(png(256 * 1024 + 1)) }],
    ['images[8]', { ...grid, images: nine(undefined) }],
    ['instruction', { ...grid, instruction: ' ' }],
    ['instruction', { ...grid, instruction: 'x'.repeat(201) }],
    ['instruction', { ...grid, instruction: 664 }],
  ])('a picture with an invalid %s', async (field, invalid) => {
    const { guard, service } = await rig()
    await expect(guard.solve(invalid as AnyChallenge)).rejects.toMatchObject({
      code: 'CHALLENGE_INVALID',
      message: expect.stringContaining(`challenge.${field}:`),
    })
    expect(service.requests).toHaveLength(0)
  })

  it('a picture that the service does not accept, with the reason', async () => {
    const modest = {
      ...captchaAI(),
      name: 'modest',
      unsupported: () => 'a picture of 5000 bytes (it takes 100 to 4000)',
    }
    const { guard } = await rig({ guardOptions: { solver: modest } })
    await expect(guard.solve(image)).rejects.toMatchObject({
      code: 'FAMILY_UNSUPPORTED',
      message: expect.stringMatching(
        /^The solver modest cannot do a picture of 5000 bytes .*Solvers that can: .*captchaai/,
      ),
    })
  })
})
