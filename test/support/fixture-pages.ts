import { readdirSync, readFileSync } from 'node:fs'

const FOLDERS = ['pages', 'hostile'].map((name) => new URL(`../../fixtures/${name}/`, import.meta.url))

/** The pages in `fixtures`, by the path that the stand-in site serves them at. */
export function fixturePages(): Record<string, string> {
  const pages: Record<string, string> = {}
  for (const folder of FOLDERS) {
    for (const file of readdirSync(folder)) {
      if (file.endsWith('.html')) pages[`/${file.slice(0, -5)}`] = readFileSync(new URL(file, folder), 'utf8')
    }
  }
  return pages
}
