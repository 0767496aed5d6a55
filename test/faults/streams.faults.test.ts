import { faultTests } from './campaign.js'

faultTests(['stream', 'batch'], {
  errors: { sample: 2, usual: 30 },
  kills: { sample: 1, usual: 16 },
  bytes: { sample: 1, usual: 10 },
})
