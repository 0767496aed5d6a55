import type { Signs } from '../../../page-kit/signs.js'

export const recaptchaSigns: Signs = {
  elements: '.g-recaptcha,script[src*="recaptcha"],iframe[src*="recaptcha"]',
  globals: ['grecaptcha', '___grecaptcha_cfg'],
}
