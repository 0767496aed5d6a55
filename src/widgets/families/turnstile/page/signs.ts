import type { Signs } from '../../../page-kit/signs.js'

export const turnstileSigns: Signs = {
  elements: '.cf-turnstile,script[src*="/turnstile/"],input[id^="cf-chl-widget-"]',
  globals: ['turnstile'],
}
