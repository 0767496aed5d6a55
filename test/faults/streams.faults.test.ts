import { faultTests } from './campaign.js'

faultTests(['stream', 'batch'], {
  errors: { sample: 3, usual: 40 },
  kills: { sample: 1, usual: 20 },
  bytes: { sample: 1, usual: 12 },
})
