import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runDrillWith } from '../../src/drill/run.js'
import { makeProject } from '../intercept/project.js'

const OPTIONS = { policy: { origins: ['https://staging.example.com'] } }
const ROWS = ['round-register'] as const

let project: string

beforeAll(async () => {
  project = await makeProject()
})

afterAll(() => {
  if (project) rmSync(project, { recursive: true })
})

describe('the row of a client that goes round register', () => {
  it('passes with the built file: four ways are refused, and a call by HTTPS is held to the token', async () => {
    const registerFile = join(project, 'node_modules/solveguard/dist/intercept/register.js')
    const { rows } = await runDrillWith(OPTIONS, { rows: ROWS }, { registerFile })
    expect(rows).toEqual([expect.objectContaining({ state: 'pass', cost: 0 })])
    expect(rows[0]?.answers.map(({ code }) => code)).toEqual(['CONNECTION_BYPASSES_GUARD', 'ORIGIN_NOT_NAMED'])
  })

  it('fails with a file that leads nothing away, and sends nothing', async () => {
    const registerFile = join(project, 'no-register.cjs')
    writeFileSync(registerFile, '')
    const { rows } = await runDrillWith(OPTIONS, { rows: ROWS }, { registerFile })
    expect(rows).toEqual([expect.objectContaining({ state: 'failed', answers: [] })])
    expect(rows[0]?.detail).toMatch(/^lookup of a service's host went round the guard/)
  })
})
