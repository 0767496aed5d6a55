import type { Signs } from '../../../page-kit/signs.js'

export const capSigns: Signs = {
  elements: 'cap-widget',
}
