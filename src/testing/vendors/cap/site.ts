import { type SiteFamily, verifyField } from '../../shared/site-family.js'

/** No pages: the widget is the vendor's package, so pages with it are the `pages` option of `startSite`. */
export const capSite: SiteFamily = {
  sitekey: 'a0b1c2d3e4',
  pages: {},
  field: 'cap-token',
  verify: verifyField('cap-token'),
}
