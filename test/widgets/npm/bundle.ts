import { join } from 'node:path'
import { build } from 'esbuild'

/** From the project's root, for the benchmarks, which are one bundled file in a folder as deep as this one. */
const APPS = join(import.meta.dirname, '../../../test/widgets/npm/apps')

const bundles = new Map<string, Promise<string>>()

/**
 * A script for a page, from one file of `apps/` and the packages that it imports. Each is bundled once in a test file.
 *
 * @param mode `development`, where React's Strict Mode renders everything twice
 */
export function bundle(app: string, mode: 'production' | 'development' = 'production'): Promise<string> {
  const key = `${app} ${mode}`
  const known = bundles.get(key)
  if (known) return known
  const made = build({
    entryPoints: [join(APPS, app)],
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: 'chrome110',
    minify: mode === 'production',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': JSON.stringify(mode) },
    loader: { '.css': 'empty' },
    logLevel: 'warning',
  }).then(({ outputFiles }) => outputFiles[0]?.text ?? '')
  bundles.set(key, made)
  return made
}
