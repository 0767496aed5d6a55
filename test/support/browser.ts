import { type Browser, chromium } from 'playwright'
import { inject } from 'vitest'

let connected: Promise<Browser> | undefined
let ofWidgets: Promise<Browser> | undefined

/** The Chromium that all test files share. Each test opens contexts of its own, and closes them. */
export function sharedBrowser(): Promise<Browser> {
  connected ??= chromium.connect(inject('browser'))
  return connected
}

/**
 * The same for tests of what the scripts in a page do with the vendors' widgets. A page's frames share a process there,
 * whatever their sites, which is three quarters of the work; scripts cannot notice. How tools and engine reach frames
 * of other processes is tested with `sharedBrowser`, in test/adapters.
 */
export function widgetBrowser(): Promise<Browser> {
  ofWidgets ??= chromium.connect(inject('widgetBrowser'))
  return ofWidgets
}
