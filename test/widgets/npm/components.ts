/** What a component can do besides being solved: it is tested where it is true. */
export interface Can {
  /** Rendered late, removed and rendered again. */
  readonly late: boolean
  /** Two of them in one page. */
  readonly two: boolean
  readonly reset: boolean
  /** Notifies the page that a token has expired. */
  readonly expires: boolean
}

interface Component {
  readonly family: string
  readonly can: Can
  /** What the tests do with it besides. */
  readonly also?: string
  /** Why something is not tested. */
  readonly why?: string
}

const ALL: Can = { late: true, two: true, reset: true, expires: true }
const NONE: Can = { late: false, two: false, reset: false, expires: false }
const ONE_ALONE = 'draws one alone'
const SCORE: Component = { family: 'recaptcha', can: NONE, also: 'v3, left alone and held' }

/**
 * The components on npm that sites are built with, and what the tests of this folder do with each. `docs/components.md`
 * is written from this list.
 */
export const COMPONENTS: Readonly<Record<string, Component>> = {
  'react-google-recaptcha': { family: 'recaptcha', can: ALL, also: 'invisible, Strict Mode' },
  'react-google-recaptcha-v3': { ...SCORE, also: 'v3 and Enterprise, left alone and held; Strict Mode' },
  reaptcha: { family: 'recaptcha', can: ALL },
  'react-recaptcha': { family: 'recaptcha', can: { ...ALL, two: false }, why: ONE_ALONE },
  '@google-recaptcha/react': {
    family: 'recaptcha',
    can: { ...ALL, two: false },
    also: 'v3, left alone and held; removed and rendered again, it loads the script anew',
    why: ONE_ALONE,
  },
  '@wojtekmaj/react-recaptcha-v3': SCORE,
  'next-recaptcha-v3': { ...SCORE, why: 'a script element in the place of `next/script`' },
  'recaptcha-v3': { ...SCORE, also: 'v3, left alone and held; with an inline badge' },
  'vue-recaptcha': { family: 'recaptcha', can: ALL },
  'vue3-recaptcha2': { family: 'recaptcha', can: { ...ALL, two: false }, why: ONE_ALONE },
  'vue-recaptcha-v3': SCORE,
  'ng-recaptcha': { family: 'recaptcha', can: ALL, also: 'invisible; v3, left alone and held' },
  'ng-recaptcha-2': { family: 'recaptcha', can: ALL, also: 'v3, left alone and held' },
  'ngx-captcha': {
    family: 'recaptcha',
    can: { ...ALL, two: false, expires: false },
    also: 'v3, left alone and held',
    why: 'two of them render into one element',
  },
  '@marsidev/react-turnstile': { family: 'turnstile', can: ALL, also: '`execution: execute`, Strict Mode' },
  'react-turnstile': { family: 'turnstile', can: ALL },
  'vue-turnstile': { family: 'turnstile', can: { ...ALL, two: false, expires: false }, why: ONE_ALONE },
  'ngx-turnstile': { family: 'turnstile', can: { ...ALL, two: false, expires: false }, why: ONE_ALONE },
  '@nuxtjs/turnstile': {
    family: 'turnstile',
    can: { ...ALL, expires: false },
    why: 'its component, with stand-ins for what Nuxt provides',
  },
  'svelte-turnstile': { family: 'turnstile', can: ALL },
  '@hcaptcha/react-hcaptcha': { family: 'hcaptcha', can: ALL, also: '`executeAsync`, Strict Mode' },
  '@hcaptcha/vue3-hcaptcha': { family: 'hcaptcha', can: ALL, also: '`executeAsync`' },
  '@hcaptcha/loader': { family: 'hcaptcha', can: { ...ALL, late: false, two: false } },
  '@captchafox/react': { family: 'captchafox', can: ALL, also: '`mode: hidden`' },
  '@yandex/smart-captcha': { family: 'yandex', can: { ...ALL, expires: false }, also: 'invisible' },
  'friendly-challenge': { family: 'friendly', can: ALL },
  '@friendlycaptcha/sdk': { family: 'friendly', can: ALL },
  altcha: { family: 'altcha', can: NONE, also: 'computed by the browser' },
  '@cap.js/widget': { family: 'cap', can: NONE, also: 'computed by the browser' },
}

/** What a component can do. */
export function canOf(name: string): Can {
  const component = COMPONENTS[name]
  if (!component) throw new Error(`${name} is not in the list of components.`)
  return component.can
}

/** The page of the docs about these components. */
export function componentsPage(versions: Readonly<Record<string, string>>): string {
  const yes = (can: boolean) => (can ? 'yes' : '–')
  const rows = Object.entries(COMPONENTS).map(([name, { family, can, also = '', why = '' }]) => {
    const { late, two, reset, expires } = can
    const cells = [
      `\`${name}\``,
      versions[name] ?? '',
      family,
      yes(late),
      yes(two),
      yes(reset),
      yes(expires),
      also,
      why,
    ]
    return `| ${cells.join(' | ')} |`
  })
  return `${HEAD}\n${rows.join('\n')}\n`
}

const HEAD = `# Components from npm

*For people whose site, or the site that they test, uses one of these packages.*

The components that sites are built with, each bundled as its users do it, and solved until a server has accepted the
token. The tests write this page (\`npm test -- test/project/components.test.ts -u\`).

| package | version | family | removed, rendered again | two in a page | reset | expiry reported | also | not tested |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |`
