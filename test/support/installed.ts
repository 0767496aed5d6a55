import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { ENTRIES } from '../../scripts/entries.mjs'
import { esbuildPageScript } from '../../scripts/page-script.mjs'

const root = join(import.meta.dirname, '../..')

/**
 * Installs src/ into a project's node_modules as `solveguard`, without a build, and links the copies here of other
 * packages beside it.
 */
export async function installInto(project: string, packages: readonly string[]): Promise<void> {
  const modules = join(project, 'node_modules')
  const outdir = join(modules, 'solveguard')
  await build({
    entryPoints: Object.values(ENTRIES).map((file) => join(root, 'src', `${file}.ts`)),
    outdir,
    outbase: join(root, 'src'),
    bundle: true,
    // One copy of shared code: an error has the same class, whichever entry it is imported from.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    plugins: [esbuildPageScript],
    logLevel: 'warning',
  })
  const exports = Object.entries(ENTRIES).map(([subpath, file]) => [subpath, `./${file}.js`])
  const manifest = { name: 'solveguard', type: 'module', exports: Object.fromEntries(exports) }
  await writeFile(join(outdir, 'package.json'), JSON.stringify(manifest))
  for (const name of packages) {
    await mkdir(dirname(join(modules, name)), { recursive: true })
    await symlink(join(root, 'node_modules', name), join(modules, name), 'junction')
  }
}
