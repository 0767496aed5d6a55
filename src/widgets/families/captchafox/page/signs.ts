import type { Signs } from '../../../page-kit/signs.js'

export const captchafoxSigns: Signs = {
  elements: '.captchafox,script[src*="captchafox"]',
  globals: ['captchafox'],
}
