import type { Signs } from '../../../page-kit/signs.js'

export const hcaptchaSigns: Signs = {
  elements: '.h-captcha,script[src*="hcaptcha"],iframe[src*="hcaptcha"]',
  globals: ['hcaptcha'],
}
