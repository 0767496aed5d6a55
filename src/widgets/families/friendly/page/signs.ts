import type { Signs } from '../../../page-kit/signs.js'

export const friendlySigns: Signs = {
  elements: '.frc-captcha,.frc-container,iframe.frc-i-widget',
}
