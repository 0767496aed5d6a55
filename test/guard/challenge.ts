import type { Challenge } from '../../src/base/challenge.js'

/** The challenge that the guard's tests solve. */
export const challenge: Challenge = {
  family: 'recaptcha',
  variant: 'v2-checkbox',
  sitekey: '6LdyC2cUAAAAACGuDKpXeDorzUDWXmdqeg-xy696',
  pageUrl: 'https://staging.example.com/login?session=very-private#top',
}
