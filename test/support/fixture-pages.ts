import { readdirSync, readFileSync } from 'node:fs'

const FOLDERS = ['pages', 'hostile'].map((name) => new URL(`../../fixtures/${name}/`, import.meta.url))

/** The families that can draw into another document: for each, the one page that does it. */
const PORTALS = ['captchafox', 'geetest', 'hcaptcha', 'recaptcha', 'turnstile', 'yandex']

/** The pages in `fixtures`, by the path that the stand-in site serves them at. */
export function fixturePages(): Record<string, string> {
  const pages: Record<string, string> = {}
  for (const folder of FOLDERS) {
    for (const file of readdirSync(folder)) {
      if (file.endsWith('.html')) pages[`/${file.slice(0, -5)}`] = readFileSync(new URL(file, folder), 'utf8')
    }
  }
  const { '/portal': portal = '', ...others } = pages
  for (const family of PORTALS) others[`/${family}-portal`] = portal.replaceAll('{{family}}', family)
  return others
}
