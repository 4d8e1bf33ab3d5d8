# No provider: the module computes and renders. Whatever makes the machine
# takes its outputs, so that all of this is tested without a cloud.
terraform {
  # 1.9: a variable's validation may refer to other variables.
  required_version = ">= 1.9"
}
