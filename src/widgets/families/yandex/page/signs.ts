import type { Signs } from '../../../page-kit/signs.js'

export const yandexSigns: Signs = {
  elements: '.smart-captcha,script[src*="smartcaptcha"],iframe[src*="smartcaptcha"]',
  globals: ['smartCaptcha'],
}
