import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { COMPONENTS, componentsPage } from '../widgets/npm/components.js'

const root = join(import.meta.dirname, '../..')

it('docs/components.md has the components and the versions that are tested', async () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string } | undefined>
  }
  const names = Object.keys(COMPONENTS)
  const versions = Object.fromEntries(names.map((name) => [name, packages[`node_modules/${name}`]?.version ?? '']))
  expect(names.filter((name) => !versions[name])).toEqual([])
  await expect(componentsPage(versions)).toMatchFileSnapshot(join(root, 'docs/components.md'))
})
