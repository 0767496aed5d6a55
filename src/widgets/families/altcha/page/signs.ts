import type { Signs } from '../../../page-kit/signs.js'

export const altchaSigns: Signs = {
  elements: 'altcha-widget',
}
