import type { Signs } from '../../../page-kit/signs.js'

export const mtcaptchaSigns: Signs = {
  elements: '.mtcaptcha,iframe[src*="/mtcv1/"]',
  globals: ['mtcaptchaConfig'],
}
