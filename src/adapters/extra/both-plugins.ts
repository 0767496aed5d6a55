import { SolveguardError } from '../../base/errors.js'

/** The name of both plugins. Compared as a text: each may come from another copy of its package. */
export const PLUGIN_NAME = 'recaptcha'

/** A plugin, as far as its name goes. */
interface NamedPlugin {
  readonly name?: unknown
}

/**
 * Why these plugins cannot be used together: of two with these methods, the last one wins, page by page, and the other
 * one is never called. Undefined if this is the only one.
 */
export function otherPluginError(own: NamedPlugin, plugins: readonly unknown[]): SolveguardError | undefined {
  const others = plugins.filter((one) => one !== own && (one as NamedPlugin | null)?.name === PLUGIN_NAME)
  if (others.length === 0) return undefined
  const isOurs = others.some((one) => 'noPuppeteerShim' in (one as object))
  return new SolveguardError(
    'CONFIG_INVALID',
    isOurs
      ? "solveguard's plugin is used twice: its methods would be those of one of them. Remove one."
      : 'puppeteer-extra-plugin-recaptcha is used beside solveguard, and would solve past the guard. Remove its use(), ' +
          'and the plugin that depends on it, if one does.',
  )
}

/** The error for an assignment to one of the methods of a page: another plugin's, which would solve past the guard. */
export function overriddenMethod(name: string): SolveguardError {
  return new SolveguardError(
    'CONFIG_INVALID',
    `page.${name} is solveguard's, and is not replaced: another plugin's method would solve past the guard. Remove ` +
      'puppeteer-extra-plugin-recaptcha from what uses this browser.',
  )
}

/** What playwright-extra adds to a plugin that requires `dataFromPlugins`. */
export type DataFromPlugins = () => unknown

/**
 * The plugins of playwright-extra, which shows its list to none of them. To collect their data, it filters that list:
 * for the time of that one synchronous call, the filter decides which list it is.
 *
 * @returns an empty list if this version of playwright-extra does it otherwise
 */
export function pluginsOf(own: object, collectData: DataFromPlugins | undefined): readonly unknown[] {
  const { filter } = Array.prototype
  let plugins: readonly unknown[] = []
  Array.prototype.filter = function (this: unknown[], ...args: Parameters<typeof filter>) {
    if (Reflect.apply(Array.prototype.includes, this, [own])) plugins = [...this]
    return Reflect.apply(filter, this, args)
  }
  try {
    collectData?.()
  } finally {
    Array.prototype.filter = filter
  }
  return plugins
}

/**
 * Options of playwright-extra with which no browser starts: it prints what its plugins throw, and starts the browser
 * all the same. What reads them throws the error.
 */
export function optionsThatThrow(options: object, error: unknown): object {
  return new Proxy(options, {
    get(target, name) {
      // An options object is not taken for a promise.
      if (name === 'then') return undefined
      if (typeof name === 'symbol') return Reflect.get(target, name)
      throw error
    },
  })
}
