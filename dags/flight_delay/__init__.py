"""The flights that left New York in 2013: which of them will arrive more than 15 minutes late?"""
