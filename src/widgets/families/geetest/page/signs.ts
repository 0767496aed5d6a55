import type { Signs } from '../../../page-kit/signs.js'

export const geetestSigns: Signs = {
  elements: '.geetest_holder,.geetest_captcha,script[src*="geetest"]',
  globals: ['initGeetest', 'initGeetest4', 'Geetest', 'Geetest4'],
}
