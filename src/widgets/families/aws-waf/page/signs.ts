import type { Signs } from '../../../page-kit/signs.js'

export const awsWafSigns: Signs = {
  globals: ['AwsWafCaptcha'],
}
