import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { compile } from '../../scripts/compile.mjs'
import { NODE_CLIENTS } from '../../scripts/node-clients.mjs'

const root = join(import.meta.dirname, '../..')

/** A project with this package as it is published, and the clients and libraries that applications use. */
export async function makeProject(): Promise<string> {
  const project = mkdtempSync(join(tmpdir(), 'intercept-'))
  const modules = join(project, 'node_modules')
  const own = join(modules, 'solveguard')
  mkdirSync(own, { recursive: true })
  const manifest = readFileSync(join(root, 'package.json'), 'utf8')
  const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> }
  // `libsql` is what an application on Node 20 has installed for the file ledger.
  for (const name of [...Object.keys(dependencies), 'libsql']) link(own, name, join(root, 'node_modules', name))
  for (const name of packagesIn(NODE_CLIENTS)) link(project, name, join(NODE_CLIENTS, name))
  await compile(join(own, 'dist'), ['index', 'solvers/index', 'intercept/register'], '')
  writeFileSync(join(own, 'package.json'), manifest)
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n')
  return project
}

function packagesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => (name.startsWith('@') ? readdirSync(join(folder, name)).map((each) => `${name}/${each}`) : name))
}

function link(project: string, name: string, target: string): void {
  const path = join(project, 'node_modules', name)
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path, 'junction')
}
