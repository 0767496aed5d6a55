import { readdirSync, readFileSync } from 'node:fs'

const folder = new URL('../../fixtures/pages/', import.meta.url)

/** The pages in `fixtures/pages`, by the path that the stand-in site serves them at. */
export function fixturePages(): Record<string, string> {
  const pages: Record<string, string> = {}
  for (const file of readdirSync(folder)) {
    if (file.endsWith('.html')) pages[`/${file.slice(0, -5)}`] = readFileSync(new URL(file, folder), 'utf8')
  }
  return pages
}
