import { type Browser, chromium } from 'playwright'
import { inject } from 'vitest'

let connected: Promise<Browser> | undefined

/** The Chromium that all test files share. Each test opens contexts of its own, and closes them. */
export function sharedBrowser(): Promise<Browser> {
  connected ??= chromium.connect(inject('browser'))
  return connected
}
