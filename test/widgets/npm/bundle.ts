import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'

/** From the project's root, for the benchmarks, which are one bundled file in a folder as deep as this one. */
const APPS = join(import.meta.dirname, '../../../test/widgets/npm/apps')

/** Compiles `.svelte` files, as Svelte's own plugins for bundlers do. */
const svelte: Plugin = {
  name: 'svelte',
  setup({ onLoad }) {
    onLoad({ filter: /\.svelte$/ }, async ({ path }) => {
      const { compile } = await import('svelte/compiler')
      const { js } = compile(await readFile(path, 'utf8'), { filename: path, generate: 'client', css: 'injected' })
      return { contents: js.code, loader: 'js' }
    })
  },
}

/** Compiles `.vue` files, and takes our own code in the place of what Nuxt provides, as its module would set it up. */
const nuxt: Plugin = {
  name: 'nuxt',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^#imports$/ }, () => ({ path: join(APPS, 'nuxt-imports.ts') }))
    onResolve({ filter: /^#nuxt-scripts\/utils$/ }, () => ({ path: join(APPS, 'nuxt-scripts.ts') }))
    onLoad({ filter: /\.vue$/ }, async ({ path }) => {
      const { compileScript, parse } = await import('vue/compiler-sfc')
      const { descriptor } = parse(await readFile(path, 'utf8'), { filename: path })
      return { contents: compileScript(descriptor, { id: 'app', inlineTemplate: true }).content, loader: 'js' }
    })
  },
}

const bundles = new Map<string, Promise<string>>()

/**
 * A script for a page, from one file of `apps/` and the packages that it imports. Each is bundled once in a test file.
 *
 * @param mode `development`, where React's Strict Mode renders everything twice
 * @param alias packages that are taken in the place of others
 */
export function bundle(
  app: string,
  mode: 'production' | 'development' = 'production',
  alias: Readonly<Record<string, string>> = {},
): Promise<string> {
  const key = `${app} ${mode} ${JSON.stringify(alias)}`
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
    alias: { 'next/script.js': join(import.meta.dirname, 'apps/next-script.tsx'), ...alias },
    mainFields: ['svelte', 'browser', 'module', 'main'],
    conditions: ['svelte', 'browser'],
    plugins: [svelte, nuxt],
    logLevel: 'warning',
  }).then(({ outputFiles }) => outputFiles[0]?.text ?? '')
  bundles.set(key, made)
  return made
}
